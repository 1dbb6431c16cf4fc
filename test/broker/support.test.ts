import { connect } from 'amqplib';
import { expect } from 'chai';
import { broker, brokerNode } from '../support/broker.ts';
import { tcpProxy } from '../support/tcp-proxy.ts';

describe('the broker that tests get', () => {
  it('takes connections', async function () {
    const { url } = await broker(this);
    const connection = await connect(url);
    await connection.close();
  });

  it('is asked by rabbitmqctl', async function () {
    const node = await brokerNode(this);
    expect(await node.ctl('list_vhosts')).to.contain('/');
  });

  it('is reached through a proxy that can cut the connection', async function () {
    const { url } = await broker(this);
    const proxy = await tcpProxy(Number(new URL(url).port));
    const connection = await connect(proxy.through(url));
    const lost = new Promise((resolve) => connection.once('close', resolve));
    connection.on('error', () => undefined);
    proxy.cut();
    await lost;
    await proxy.close();
  });
});
