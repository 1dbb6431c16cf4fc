import { expect } from 'chai';
import { isAbsent, isRefused } from '../../../../src/adapters/rabbitmq/stream.ts';

describe('queues of a broker', () => {
  it('tells a queue that is not up yet from one that does not exist', () => {
    const said = 'Operation failed: QueueDeclare; 404 (NOT-FOUND) with message "NOT_FOUND - ';
    expect(isAbsent(new Error(`${said}no queue 'retail.manifest' in vhost '/'"`))).to.be.true;
    const starting = "home node 'rabbit@one' of durable queue 'retail.manifest' in vhost '/' is down or inaccessible";
    expect(isAbsent(new Error(`${said}${starting}"`))).to.be.false;
  });

  it('tells a stream that is not up yet from one that is refused', () => {
    const said = 'Operation failed: BasicConsume; ';
    const starting = `${said}404 (NOT-FOUND) with message "NOT_FOUND - home node 'rabbit@one' of durable queue 'q' in vhost '/' is down or inaccessible"`;
    const without = `${said}406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - queue 'q' in vhost '/' does not have a replica on the local node"`;
    for (const text of [starting, without, 'Channel ended, no reply will be forthcoming'])
      expect(isRefused(new Error(text)), text).to.be.false;
    const refused = `${said}403 (ACCESS-REFUSED) with message "ACCESS_REFUSED - access to queue 'q' in vhost '/' refused for user 'ada'"`;
    expect(isRefused(new Error(refused))).to.be.true;
  });
});
