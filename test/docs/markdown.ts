import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** One fenced block: ` ```yaml routes/a.yaml ` has the language `yaml` and the title `routes/a.yaml`. */
export interface Block {
  readonly language: string;
  readonly title: string;
  readonly text: string;
  /** Of its first line. Counts from 1. */
  readonly line: number;
}

export interface Page {
  /** Relative to the repository. */
  readonly file: string;
  readonly blocks: readonly Block[];
  /** Targets of its relative links, anchors included. */
  readonly links: readonly string[];
}

/** README.md and every page of `docs/`. */
export function readPages(): Page[] {
  const docs = readdirSync(`${ROOT}docs`, { recursive: true, encoding: 'utf8' });
  const files = ['README.md', ...docs.filter((file) => file.endsWith('.md')).map((file) => `docs/${file}`)].sort();
  return files.map((file) => toPage(file, readFileSync(`${ROOT}${file}`, 'utf8')));
}

function toPage(file: string, markdown: string): Page {
  const blocks: Block[] = [];
  const lines = markdown.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const fence = /^```([a-z]+) ?(.*)$/.exec(lines[i] ?? '');
    if (fence === null) continue;
    const end = lines.indexOf('```', i + 1);
    if (end === -1) throw new Error(`${file}:${String(i + 1)}: the block does not end`);
    const text = `${lines.slice(i + 1, end).join('\n')}\n`;
    blocks.push({ language: fence[1] ?? '', title: fence[2] ?? '', text, line: i + 2 });
    i = end;
  }
  const prose = markdown.replaceAll(/^```[\s\S]*?^```$/gm, '');
  const links = [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
  return { file, blocks, links: links.filter((target) => !/^[a-z]+:/.test(target)) };
}

/** The anchors that a page offers, as GitHub makes them from its headings. */
export function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    (heading ?? '')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
