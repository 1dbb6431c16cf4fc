import { expect } from 'chai';
import { parseRabbitUrl } from '../../../../src/adapters/rabbitmq/address.ts';
import { connectError } from '../../../../src/adapters/rabbitmq/connection.ts';
import { WaybillError } from '../../../../src/errors.ts';

function refused(url: string): string {
  try {
    parseRabbitUrl(url);
  } catch (error) {
    if (error instanceof WaybillError) return `${error.code} ${error.message}`;
  }
  return 'taken';
}

describe('the url of a RabbitMQ', () => {
  it('says where, as whom, and which bus', () => {
    const { connect, bus, shown } = parseRabbitUrl('amqp://ada:p%40ss@broker:5673/my%2Fhost?bus=retail');
    expect(connect).to.include({
      protocol: 'amqp',
      hostname: 'broker',
      port: 5673,
      username: 'ada',
      password: 'p@ss',
      vhost: 'my%2Fhost',
      heartbeat: 3,
    });
    expect(bus).to.equal('retail');
    expect(shown).to.equal('amqp://broker:5673/my%2Fhost');
  });

  it('has the defaults of AMQP', () => {
    expect(parseRabbitUrl('amqp://localhost').connect).to.include({
      port: 5672,
      username: 'guest',
      password: 'guest',
      vhost: '/',
    });
    expect(parseRabbitUrl('amqps://[::1]/').connect).to.include({ port: 5671, hostname: '::1', vhost: '/' });
  });

  it('is refused by name, never with the password', () => {
    expect(refused('amqp//broker')).to.match(/^WB_TRANSPORT_URL/);
    expect(refused('http://ada:secret@broker'))
      .to.match(/^WB_TRANSPORT_URL .*http:/)
      .and.not.contain('secret');
    expect(refused('amqp://ada:secret@broker/?bsu=x')).to.contain('bsu').and.not.contain('secret');
    expect(refused('amqp://broker?bus=Not%20a%20name')).to.contain('Not a name');
  });

  it('may say where the management plugin is, without user and password', () => {
    const { management } = parseRabbitUrl('amqp://broker?bus=retail&management=http://broker:15672/rabbit');
    expect(management?.href).to.equal('http://broker:15672/rabbit/');
    for (const given of ['http://ada:secret@broker:15672', 'secret', 'ftp://secret'])
      expect(refused(`amqp://broker?management=${encodeURIComponent(given)}`))
        .to.match(/^WB_TRANSPORT_URL .*management/)
        .and.not.contain('secret');
  });

  it('is shown without the password when the broker cannot be reached', () => {
    const error = connectError(
      new Error('connect ECONNREFUSED 127.0.0.1:5999'),
      parseRabbitUrl('amqp://ada:secret@127.0.0.1:5999/x'),
    );
    expect(error).to.include({ code: 'WB_TRANSPORT_UNAVAILABLE', retryable: true });
    expect(error.message).to.contain('127.0.0.1:5999').and.not.contain('secret');
  });
});
