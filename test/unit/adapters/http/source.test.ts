import { inspect } from 'node:util';
import { expect } from 'chai';
import { type OpenHttpSourceOptions, openHttpSource } from '../../../../src/adapters/http/open.ts';
import type { WaybillError } from '../../../../src/errors.ts';
import { systemClock } from '../../../../src/ports/clock.ts';
import type { Log } from '../../../../src/ports/log.ts';
import type { Answer, Question, Source } from '../../../../src/ports/resources.ts';
import { answer, HttpServer, json } from '../../../support/http-server.ts';
import { rejection } from '../../../support/rejection.ts';
import { until } from '../../../support/until.ts';

describe('a source over HTTP', () => {
  let server: HttpServer;
  let source: Source | undefined;
  const said: string[] = [];
  const note = (_: object, text: string): void => {
    said.push(text);
  };
  const log: Log = { debug: note, info: note, warn: note, error: note };
  const never = new AbortController().signal;

  const ask = (question: Question = { key: 'a' }, signal = never): Promise<Answer> => {
    if (source === undefined) throw new Error('no source is open');
    return source.ask(question, signal);
  };
  const open = (more: Partial<OpenHttpSourceOptions> = {}): void => {
    source = openHttpSource({
      name: 'customers',
      http: `${server.url}/customers/{key}?secret=t0ken`,
      method: 'GET',
      absent: [404],
      timeoutMs: 5_000,
      retry: { attempts: 1, delayMs: 1 },
      size: 1_000_000,
      depth: 64,
      concurrency: 4,
      breaker: { failures: 100, forMs: 100 },
      clock: systemClock,
      log,
      ...more,
    });
  };
  const failure = async (question?: Question): Promise<WaybillError> => rejection(ask(question));

  beforeEach(async () => {
    said.length = 0;
    server = await HttpServer.start(json({ name: 'Ada' }));
  });
  afterEach(async () => {
    await source?.close();
    source = undefined;
    await server.close();
  });

  it('puts the key into the address, whatever is in it, and gives the JSON of the answer', async () => {
    open();
    expect(await ask({ key: 'a/b ü?&{key}' })).to.deep.equal({ data: { name: 'Ada' } });
    expect(server.asked).to.deep.equal(['GET /customers/a%2Fb%20%C3%BC%3F%26%7Bkey%7D?secret=t0ken']);
  });

  it('takes a status that says so for the answer that there is no such thing', async () => {
    open();
    server.respond = answer(404, 'not here');
    expect(await ask()).to.equal(undefined);
  });

  it('is not asked for a key that would name something else', async () => {
    open();
    for (const key of ['', '.', '..']) expect(await failure({ key })).to.include({ code: 'WB_SOURCE_REFUSED' });
    await ask({ key: '...' });
    expect(server.asked).to.deep.equal(['GET /customers/...?secret=t0ken']);
  });

  it('is authorised as declared', async () => {
    for (const [auth, name, value] of [
      [{ bearer: 't' }, 'authorization', 'Bearer t'],
      [{ basic: { user: 'ü', password: 'p:q' } }, 'authorization', `Basic ${btoa('Ã¼:p:q')}`],
      [{ header: { name: 'x-api-key', value: 'k' } }, 'x-api-key', 'k'],
    ] as const) {
      open({ auth });
      await ask();
      expect(server.headers.at(-1)).to.have.property(name, value);
    }
  });

  it('sends JSON with an id that says when the same is sent again', async () => {
    open({ method: 'POST', retry: { attempts: 3, delayMs: 1 } });
    let times = 0;
    server.respond = (request, response, body) => {
      times += 1;
      (times < 3 ? answer(503) : json({ times }))(request, response, body);
    };
    expect(await ask({ key: 'a', body: Buffer.from('{"n":1}'), id: 'one' })).to.deep.equal({ data: { times: 3 } });
    expect(new Set(server.asked)).to.deep.equal(new Set(['POST /customers/a?secret=t0ken {"n":1}']));
    expect(server.headers.map((headers) => headers['idempotency-key'])).to.deep.equal(['one', 'one', 'one']);
    expect(server.headers[0]).to.have.property('content-type', 'application/json');
  });

  it('says by name what may heal and what will not', async () => {
    open();
    for (const [status, code, retryable] of [
      [500, 'WB_SOURCE_FAILED', true],
      [503, 'WB_SOURCE_FAILED', true],
      [401, 'WB_SOURCE_FAILED', true],
      [429, 'WB_SOURCE_FAILED', true],
      [400, 'WB_SOURCE_REFUSED', false],
      [410, 'WB_SOURCE_REFUSED', false],
      [302, 'WB_SOURCE_REFUSED', false],
    ] as const) {
      server.respond = answer(status, 'no', 'text/plain', { location: '/elsewhere' });
      const failed = await failure();
      expect(failed, String(status)).to.include({ code, retryable });
      expect(failed.message).to.equal(`the source customers answered ${String(status)}`);
    }
    expect(server.asked).to.have.length(7);
    expect((await failure()).fix).to.contain('Redirects are not followed');
  });

  it('refuses what is no JSON, and what is too large, without holding it', async () => {
    open({ size: 10_000 });
    server.respond = answer(200, '<html>', 'text/html; charset=utf-8');
    expect(await failure()).to.include({ code: 'WB_SOURCE_ANSWER', retryable: true });
    server.respond = answer(200, '{"a":', 'application/json');
    expect(await failure()).to.include({ code: 'WB_SOURCE_ANSWER', retryable: true });
    let written = 0;
    server.respond = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const chunk = Buffer.alloc(64 * 1024, ' ');
      const more = (): void => {
        while (!response.destroyed && written < 100_000_000) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    };
    const large = await failure();
    expect(large).to.include({ code: 'WB_SOURCE_ANSWER', retryable: false });
    expect(large.message).to.contain('more than 10000 bytes');
    await until('the rest not to be sent', () => server.open === 0);
    expect(written).to.be.lessThan(50_000_000);
  });

  it('gives up what takes too long, what hangs up, and what is not there', async () => {
    open({ timeoutMs: 50 });
    server.respond = () => undefined;
    expect((await failure()).message).to.equal('the source customers did not answer within 50 ms');
    server.respond = (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{"a":');
    };
    expect(await failure()).to.include({ code: 'WB_SOURCE_FAILED', retryable: true });
    server.respond = (_, response) => {
      response.destroy();
    };
    expect(await failure()).to.include({ code: 'WB_SOURCE_FAILED', retryable: true });
    await server.close();
    expect((await failure()).message).to.match(/^the source customers cannot be reached: ECONNREFUSED$/);
  });

  it('stops at once when nobody waits any more', async () => {
    open({ retry: { attempts: 5, delayMs: 1 } });
    server.respond = () => undefined;
    const attempt = new AbortController();
    const asking = ask({ key: 'a' }, attempt.signal).catch((error: unknown) => error);
    await until('the request', () => server.asked.length === 1);
    attempt.abort(new Error('out of time'));
    expect(await asking).to.have.property('message', 'out of time');
    await until('the end of the request', () => server.open === 0);
    expect(server.asked).to.have.length(1);
  });

  it('leaves a source alone that fails again and again, until it is back', async () => {
    open({ breaker: { failures: 3, forMs: 100 } });
    server.respond = answer(500);
    for (let n = 0; n < 3; n++) await failure();
    const spared = await failure();
    expect(spared).to.include({ code: 'WB_SOURCE_FAILED', retryable: true });
    expect(spared.message).to.contain('is left alone');
    expect(server.asked).to.have.length(3);
    server.respond = json({ name: 'Ada' });
    await until('it to be back', async () => {
      try {
        return (await ask()) !== undefined;
      } catch {
        return false;
      }
    });
    expect(said.map((line) => /left alone|is back/.exec(line)?.[0])).to.deep.equal(['left alone', 'is back']);
  });

  it('asks no more than so many at a time', async () => {
    open({ concurrency: 2 });
    const waiting: (() => void)[] = [];
    server.respond = (request, response, body) => {
      waiting.push(() => {
        json({})(request, response, body);
      });
    };
    const asking = Promise.all(Array.from({ length: 6 }, (_, n) => ask({ key: String(n) })));
    for (let n = 0; n < 6; n++) {
      await until('the next', () => waiting.length > 0);
      waiting.shift()?.();
    }
    await asking;
    expect(server.most).to.equal(2);
  });

  it('keeps answers for as long as declared, and no failures', async () => {
    open({ cache: { forMs: 600_000, max: 2 } });
    server.respond = answer(500);
    await failure();
    server.respond = json({ n: 1 });
    await ask({ key: 'a' });
    await ask({ key: 'a' });
    expect(server.asked).to.have.length(2);
    server.respond = answer(404);
    await ask({ key: 'b' });
    await ask({ key: 'b' });
    await ask({ key: 'c' });
    expect(server.asked).to.have.length(4);
    expect(await ask({ key: 'b' })).to.equal(undefined);
    await ask({ key: 'a' });
    expect(server.asked, 'the oldest went first').to.have.length(5);
    server.respond = json({ n: 'bad' });
    for (let n = 0; n < 2; n++) await ask({ key: 'd', accepts: () => false });
    expect(server.asked, 'what is not accepted is not kept').to.have.length(7);
  });

  it('keeps numbers that JavaScript cannot hold', async () => {
    open();
    server.respond = answer(200, '{"id":12345678901234567890}', 'application/vnd.crm+json');
    expect(inspect(await ask(), { depth: 9 })).to.contain('12345678901234567890');
  });

  it('has no secret in an error or in the log', async () => {
    open({ auth: { bearer: 's3cret' }, breaker: { failures: 1, forMs: 1 } });
    for (const respond of [answer(500), answer(404), answer(400), answer(200, '{', 'application/json')]) {
      server.respond = respond;
      try {
        await ask();
      } catch (error) {
        said.push(inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error));
      }
    }
    await server.close();
    said.push(inspect(await failure(), { depth: 9, showHidden: true }));
    expect(said.join('\n')).to.not.match(/t0ken|s3cret/);
  });
});
