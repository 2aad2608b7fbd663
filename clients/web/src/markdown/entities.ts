// Named characters such as `&copy;`, read by the browser. The build puts this in the place of the package `entities`,
// whose table makes the page larger and takes a phone a tenth of a second to unpack.

const field = document.createElement("textarea");

/** `entity` is whole, such as `&copy;`. A text field shows markup as text, so nothing in it is executed. */
export function decodeHTMLStrict(entity: string): string {
  field.innerHTML = entity;
  const { value } = field;
  // Of an unknown name, the browser decodes a beginning that is known.
  return value.length > 1 && value.endsWith(";") ? entity : value;
}
