// The document as Swagger UI shows it.

/** Swagger UI fills examples in, and would send those of optional parameters, such as a cursor, unasked. */
export function withoutSuggestions(document) {
  for (const operations of Object.values(document.paths)) {
    for (const { parameters = [] } of Object.values(operations)) {
      for (const parameter of parameters.filter(({ required }) => !required)) {
        delete parameter.example;
        delete parameter.schema?.example;
      }
    }
  }
  return document;
}
