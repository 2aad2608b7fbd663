// The document as Swagger UI shows it.

/**
 * Swagger UI fills in examples, and invents what has none. Sent unasked, an optional one would change a call: a cursor
 * skips rows, the key of an example repeats the first response, and no message follows an invented one.
 */
export function withoutSuggestions(document) {
  const resolve = (value) => (value?.$ref ? value.$ref.slice(2).split("/").reduce((place, name) => place[name], document) : value);
  const withoutExample = (parameter) => {
    if (parameter.required || parameter.$ref) return;
    delete parameter.example;
    delete parameter.schema?.example;
  };
  Object.values(document.components?.parameters ?? {}).forEach(withoutExample);
  for (const operations of Object.values(document.paths)) {
    for (const { parameters = [], requestBody } of Object.values(operations)) {
      parameters.forEach(withoutExample);
      const body = resolve(requestBody)?.content?.["application/json"];
      const schema = resolve(body?.schema);
      if (schema?.properties && !schema.example && !schema.examples) body.example = exampleOf(schema, resolve);
    }
  }
  return document;
}

/** The properties that a body must have. */
const exampleOf = ({ properties, required = [] }, resolve) =>
  Object.fromEntries(required.map((name) => [name, valueOf(properties[name], resolve)]));

function valueOf(property, resolve) {
  const { example, examples = [], enum: values = [], oneOf } = resolve(property);
  return oneOf ? valueOf(oneOf[0], resolve) : (example ?? examples[0] ?? values[0] ?? "Some text");
}
