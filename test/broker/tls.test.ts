import { expect } from 'chai';
import { openRabbit } from '../../src/adapters/rabbitmq/transport.ts';
import type { WaybillError } from '../../src/errors.ts';
import { brokerNode } from '../support/broker.ts';
import { type BrokerNode, findServer, freePorts, listens, otherRoot, startNode } from '../support/broker-node.ts';
import { Certificates } from '../support/certificates.ts';
import { rejection } from '../support/rejection.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';
import { until, within } from '../support/until.ts';

/** The client's way to the broker: what the url says of it. */
type Way = Readonly<Record<string, string>>;

describe('RabbitMQ over TLS', function () {
  this.timeout(240_000);
  let files: Certificates;
  let node: BrokerNode;
  /** Two listeners of one node: the second one's certificate has expired. */
  let port = 0;
  const opened: (() => PromiseLike<void>)[] = [];

  before(async function () {
    // Skips where no private node can be had.
    await brokerNode(this);
    const server = findServer() ?? this.skip();
    const root = otherRoot();
    files = await Certificates.create(root === '' ? undefined : `${root}/tmp`);
    opened.push(() => files[Symbol.asyncDispose]());
    await files.authority('ca');
    await files.authority('stranger');
    await Promise.all([
      files.sign('server', 'ca', { host: 'broker.example' }),
      files.sign('client', 'ca'),
      files.sign('old', 'ca', { days: 0 }),
      files.sign('foreign', 'stranger'),
    ]);
    [port] = await freePorts();
    const seen = (name: string): string => files.path(name).slice(root.length);
    node = await startNode(server, undefined, [
      `listeners.ssl.default = 127.0.0.1:${String(port)}`,
      `ssl_options.cacertfile = ${seen('ca.pem')}`,
      `ssl_options.certfile = ${seen('server.pem')}`,
      `ssl_options.keyfile = ${seen('server.key')}`,
      'ssl_options.verify = verify_peer',
      'ssl_options.fail_if_no_peer_cert = true',
    ]);
    opened.push(() => node.dispose());
    // It opens the plain port first.
    await until('the port for TLS', () => listens(port));
  });
  after(async () => {
    for (const close of opened.reverse()) await close();
  });

  const sound = (): Way => ({
    cacertfile: files.path('ca.pem'),
    certfile: files.path('client.pem'),
    keyfile: files.path('client.key'),
    server_name_indication: 'broker.example',
  });
  const urlOf = (way: Way, at = port): string => {
    const query = new URLSearchParams({ bus: 'retail', ...way });
    return `amqps://guest:guest@127.0.0.1:${String(at)}/?${query.toString()}`;
  };
  const refused = async (url: string): Promise<WaybillError> =>
    await within('the refusal', rejection(openRabbit({ url })));

  it('connects with an authority, a certificate and a name of its own, and again after a loss', async () => {
    const proxy = await tcpProxy(port);
    const transport = await openRabbit({ url: urlOf(sound(), proxy.port) });
    try {
      expect(await transport.manifest()).to.equal(undefined);
      proxy.refuse();
      await until('the loss', () => !transport.status().connected);
      proxy.mend();
      await until('the connection', () => transport.status().connected);
      expect(await transport.manifest()).to.equal(undefined);
    } finally {
      await transport.close();
      await proxy.close();
    }
  });

  it('names what is wrong with a certificate, with what to do', async () => {
    const { cacertfile: _ca, ...noAuthority } = sound();
    const { certfile: _cert, keyfile: _key, ...noCertificate } = sound();
    const wrong: readonly (readonly [way: Way, says: string, fix: string])[] = [
      [noAuthority, 'an authority that this process does not know', 'cacertfile'],
      [{ ...sound(), cacertfile: files.path('stranger.pem') }, 'does not know', 'cacertfile'],
      [{ ...sound(), server_name_indication: 'other.example' }, 'not for other.example', 'server_name_indication'],
      [noCertificate, 'asks for a certificate of the client', 'certfile'],
      [
        { ...sound(), certfile: files.path('foreign.pem'), keyfile: files.path('foreign.key') },
        'not this one',
        'certfile',
      ],
      [{ ...sound(), certfile: files.path('old.pem'), keyfile: files.path('old.key') }, 'expired', 'Renew'],
      [{ ...sound(), keyfile: files.path('server.key') }, 'could not be made secure', 'belongs to the certificate'],
    ];
    for (const [way, says, fix] of wrong) {
      const error = await refused(urlOf(way));
      expect({ code: error.code, retryable: error.retryable }, `${error.message} for ${says}`).to.deep.equal({
        code: 'WB_TRANSPORT_TLS',
        retryable: false,
      });
      expect(error.message)
        .to.contain(says)
        .and.contain(`127.0.0.1:${String(port)}`);
      expect(error.fix).to.contain(fix);
    }
  });

  it('tells a plain port from one for TLS', async () => {
    const plain = await refused(urlOf(sound(), node.port));
    expect(plain.code, plain.message).to.equal('WB_TRANSPORT_TLS');
    expect(plain.message).to.contain('does not speak TLS');
    const secure = await refused(`amqp://guest:guest@127.0.0.1:${String(port)}/?bus=retail`);
    expect(secure.code, secure.message).to.equal('WB_TRANSPORT_UNAVAILABLE');
    expect(secure.fix, secure.message).to.contain('amqps://');
  });

  it('refuses a url that would not do what it seems to', async () => {
    const wrong: readonly (readonly [url: string, says: string])[] = [
      ['amqp://127.0.0.1/?bus=retail&cacertfile=ca.pem', 'is for amqps://'],
      ['amqps://127.0.0.1/?bus=retail&certfile=client.pem', 'go together'],
      ['amqps://127.0.0.1/?bus=retail&verify=verify_none', 'unknown parameter "verify"'],
      [`amqps://127.0.0.1/?bus=retail&cacertfile=${files.path('none.pem')}`, 'cacertfile cannot be read'],
    ];
    for (const [url, says] of wrong) {
      const error = await refused(url);
      expect(error.code).to.equal('WB_TRANSPORT_URL');
      expect(error.message).to.contain(says);
    }
  });
});
