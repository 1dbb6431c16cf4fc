import { didYouMean } from '../nearest.ts';
import { normaliseRoute } from '../routes/normalise.ts';
import { Route } from '../routes/route-file.ts';
import type { DocumentPath, RouteDefinition } from './definition.ts';
import type { SourceDocument } from './document.ts';
import type { Documents } from './documents.ts';
import { record } from './explain.ts';
import { reportShape } from './read-bus.ts';
import { NAME } from './shape.ts';
import type { ShapeCheck, ShapeProblem } from './shape-check.ts';

/** Reads all of `routes/`. Faulty routes are reported and left out. */
export async function readRoutes(documents: Documents, shapes: ShapeCheck): Promise<readonly RouteDefinition[]> {
  const files = (await documents.list('routes')).filter((file) => /\.ya?ml$/.test(file));
  const read = await Promise.all(files.map((file) => documents.read(file)));
  return read.flatMap((document) => (document === undefined ? [] : readFile(documents, document, shapes)));
}

function readFile(documents: Documents, document: SourceDocument, shapes: ShapeCheck): RouteDefinition[] {
  const { value } = document;
  if (!Array.isArray(value)) return readRoute(documents, document, value, [], shapes);
  if (value.length === 0) {
    const fix = 'Write a route, or remove the file.';
    documents.report({
      code: 'WB_OPTION_INVALID',
      file: document.file,
      path: [],
      message: 'the list holds no route',
      fix,
    });
  }
  return value.flatMap((route, i) => readRoute(documents, document, route, [i], shapes, value.length > 1));
}

function readRoute(
  documents: Documents,
  { file }: SourceDocument,
  value: unknown,
  path: DocumentPath,
  shapes: ShapeCheck,
  oneOfSeveral = false,
): RouteDefinition[] {
  const shaped = shapes.check(Route, value);
  if ('problems' in shaped) {
    for (const problem of shaped.problems)
      reportShape(documents, file, { ...problem, path: [...path, ...problem.path] });
    return restOf(value, shaped.problems, { file, path }, shapes);
  }
  const refuse = (message: string, fix: string): RouteDefinition[] => {
    documents.report({ code: 'WB_OPTION_INVALID', file, path, message, fix });
    return [];
  };
  const fallbackName = /([^/]*)\.ya?ml$/.exec(file)?.[1] ?? file;
  if (shaped.value.name === undefined && oneOfSeveral) {
    return refuse('a route in a list of several needs a name', 'Add `name:`.');
  }
  if (shaped.value.name === undefined && !new RegExp(NAME).test(fallbackName)) {
    return refuse(
      `the route would have the file's name, and ${fallbackName} is no name of a route`,
      'Add `name:`, or name the file in lower-case letters, digits and hyphens.',
    );
  }
  const { route, problems } = normaliseRoute(shaped.value, { file, path, fallbackName });
  for (const problem of problems) documents.report(problem);
  return problems.length === 0 ? [route] : [];
}

/** Where a route sends its messages. */
const ENDS: readonly string[] = ['to', 'choose', 'onError'];
/** What everything else in a route is checked against. */
const BASIS: readonly string[] = ['from', 'steps'];

/**
 * A faulty route without its faulty options, so that they do not hide what is wrong with its steps; nothing when too little is
 * left.
 */
function restOf(
  value: unknown,
  problems: readonly ShapeProblem[],
  place: Pick<RouteDefinition, 'file' | 'path'>,
  shapes: ShapeCheck,
): RouteDefinition[] {
  const faulty = new Set(problems.map(({ path: [option] }) => option));
  const meant = (option: unknown, options: readonly string[]): boolean =>
    typeof option === 'string' && (options.includes(option) || didYouMean(option, options) !== undefined);
  if ([...faulty].some((option) => option === undefined || meant(option, BASIS))) return [];
  const kept = Object.fromEntries(Object.entries(record(value)).filter(([option]) => !faulty.has(option)));
  // Where it goes is looked at when all of it can be.
  const ends = [...faulty].every((option) => !meant(option, ENDS)) && ('to' in kept || 'choose' in kept);
  const { choose: _choose, ...unended } = kept;
  const rest = shapes.check(Route, ends ? kept : { ...unended, to: 'nowhere' });
  if ('problems' in rest) return [];
  const { route, problems: more } = normaliseRoute(rest.value, {
    ...place,
    fallbackName: [place.file, ...place.path].join(' '),
  });
  return ends && more.length === 0 ? [route] : [{ ...route, branches: [] }];
}
