import { ERROR_CODES } from '../../src/errors.ts';
import { code, generated, page, table } from './markdown.ts';

export function errorsPage(): string {
  return page(
    generated('src/errors.ts'),
    '# Error codes',
    'Every error of Waybill is a `WaybillError` with one of these in `code`, a `message` that names the place, what was expected and ' +
      'what came, `retryable`, and `fix` where one is known. Tell errors apart by `code`.',
    table(
      ['code', 'meaning'],
      Object.entries(ERROR_CODES).map(([name, meaning]) => [code(name), meaning]),
    ),
  );
}
