/** Says where a page comes from, so that nobody edits it by hand. */
export function generated(from: string): string {
  return `<!-- Made from ${from} by \`npm run docs\`. Do not edit. -->`;
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows.map((row) => row.map(escapeCell))].map(toRow).join('\n');
}

export function code(text: string): string {
  return `\`${text}\``;
}

export function page(...blocks: readonly string[]): string {
  return `${blocks.join('\n\n')}\n`;
}

function toRow(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`;
}

/** Outside of code `<folder>` would be taken for a tag. */
function escapeCell(cell: string): string {
  const parts = cell.replaceAll('|', '\\|').replaceAll('\n', ' ').split('`');
  return parts.map((part, i) => (i % 2 === 0 ? part.replaceAll('<', '&lt;') : part)).join('`');
}
