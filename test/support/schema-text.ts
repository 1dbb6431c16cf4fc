/** The file of a contract whose data is an object. @param more root annotations */
export const schema = (properties: object, required: readonly string[], more: object = {}): string =>
  JSON.stringify({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties,
    required,
    ...more,
  });
