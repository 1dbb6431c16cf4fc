import type { Problem } from '../routes/problem.ts';
import type { SourceSettings } from './bus-file.ts';

/** Why the address of a source, its references resolved, cannot be asked. Says nothing of the address, in which secrets may stand. */
export function checkAddress(name: string, { http }: SourceSettings): Omit<Problem, 'file'> | undefined {
  const path = ['sources', name, 'http'];
  if (http === undefined) return undefined;
  const text = http.replaceAll('{key}', 'key');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    return {
      code: 'WB_OPTION_INVALID',
      path,
      message: `sources.${name}.http: expected an http:// or https:// address`,
      fix: 'Write https://host/path/{key}, and look at what its references stand for.',
    };
  }
  if (url.username === '' && url.password === '') return undefined;
  return {
    code: 'WB_OPTION_INVALID',
    path,
    message: `sources.${name}.http: a user or a password stands in the address, where it is not sent`,
    fix: `Write sources: ${name}: auth: { basic: { user: ..., password: "\${NAME}" } }.`,
  };
}
