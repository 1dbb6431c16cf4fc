import { expect } from 'chai';
import { tellEndpoints } from '../../../src/observability/otlp-endpoint.ts';
import { testLog } from '../../support/targets.ts';

function told(env: NodeJS.ProcessEnv): readonly string[] {
  const said: string[] = [];
  const error = (fields: object, text: string): void => {
    said.push(`${text}: ${'fix' in fields ? String(fields.fix) : ''}`);
  };
  tellEndpoints(env, { ...testLog, error });
  return said;
}

describe('the address of a collector', () => {
  it('is told at start where it is none over HTTP, by its variable, with what to write', () => {
    expect(told({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' })).to.deep.equal([
      'OTEL_EXPORTER_OTLP_ENDPOINT is no http:// or https:// URL, so nothing of it reaches a collector: write http://collector:4318',
    ]);
    expect(
      told({
        OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'ftp://collector',
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: '127.0.0.1:4318',
      }).map((line) => line.split(' is no')[0]),
    ).to.deep.equal(['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_METRICS_ENDPOINT']);
  });

  it('shows no password', () => {
    expect(told({ OTEL_EXPORTER_OTLP_ENDPOINT: 'ops:secret@collector:4318' }).join()).not.to.contain('secret');
  });

  it('is taken as it is over gRPC, and with a scheme', () => {
    expect(told({ OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).to.deep.equal(
      [],
    );
    expect(told({ OTEL_EXPORTER_OTLP_ENDPOINT: 'https://collector:4318/otlp' })).to.deep.equal([]);
    expect(told({})).to.deep.equal([]);
  });
});
