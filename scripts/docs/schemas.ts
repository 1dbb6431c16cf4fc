import { editorSchemas } from '../../src/config/editor-schemas.ts';
import { MEDIATORS } from '../../src/mediators/table.ts';

/** The JSON Schemas for editors, one file each, for `# yaml-language-server: $schema=` on top of a configuration file. */
export function schemaFiles(): Readonly<Record<string, () => string>> {
  return Object.fromEntries(
    Object.entries(editorSchemas(MEDIATORS)).map(([name, schema]) => [
      `docs/reference/schemas/${name}`,
      () => `${JSON.stringify(schema, null, 2)}\n`,
    ]),
  );
}
