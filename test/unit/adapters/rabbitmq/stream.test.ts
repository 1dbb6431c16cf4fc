import { expect } from 'chai';
import { isAbsent } from '../../../../src/adapters/rabbitmq/stream.ts';

describe('queues of a broker', () => {
  it('tells a queue that is not up yet from one that does not exist', () => {
    const said = 'Operation failed: QueueDeclare; 404 (NOT-FOUND) with message "NOT_FOUND - ';
    expect(isAbsent(new Error(`${said}no queue 'retail.manifest' in vhost '/'"`))).to.be.true;
    const starting = "home node 'rabbit@one' of durable queue 'retail.manifest' in vhost '/' is down or inaccessible";
    expect(isAbsent(new Error(`${said}${starting}"`))).to.be.false;
  });
});
