import { WaybillError } from '../errors.ts';
import { parseJson } from '../json.ts';
import { type Envelope, type TypeRef, typeRef } from '../message.ts';
import type { Plan } from '../plan/plan.ts';
import type { Question, Resources } from '../ports/resources.ts';

/** What tests of routes put in the place of what is outside. */
export interface StandIns {
  /** What sources answer, by name; undefined says that there is no such thing. One that is not here is missing: nothing is asked outside. */
  readonly sources?: Readonly<Record<string, SourceAnswers>>;
  /** What services answer that steps ask, by name. One that is not here is missing. */
  readonly services?: Readonly<Record<string, ServiceAnswers>>;
  /** What steps that look outside get, where `sources`, `services` and the key rings of the configuration will not do. */
  readonly resources?: Partial<Resources>;
}

/** Stands for a source. What it returns is checked as an answer of the source would be. */
export type SourceAnswers = (question: Question) => unknown;

/** Stands for a service that is asked. What it returns is checked as its answer would be; what it throws is what the request fails with. */
export type ServiceAnswers = (request: TestRequest) => unknown;

/** What a step asks a service. */
export interface TestRequest {
  readonly type: TypeRef;
  readonly data: unknown;
  readonly envelope: Envelope;
}

/** @param own what there is without stand-ins */
export function standIns(
  { resources = {}, sources = {}, services = {} }: StandIns,
  own: Resources,
  plan: Plan,
): Resources {
  return {
    keys: (ring) => resources.keys?.(ring) ?? own.keys(ring),
    async ask(source, question, signal) {
      const answers = sources[source];
      if (answers === undefined) return await (resources.ask ?? own.ask.bind(own))(source, question, signal);
      const data = await answers(question);
      return data === undefined ? undefined : { data };
    },
    async request(question, signal) {
      const { service, message, answer } = question;
      const answers = services[service];
      if (answers === undefined) return await (resources.request ?? own.request.bind(own))(question, signal);
      const { envelope, body } = message;
      const type = typeRef(envelope.type, envelope.version);
      const data = await answers({ type, data: parseJson(body), envelope });
      const violated = plan.contracts.require(answer).validate(data);
      if (violated === undefined) return data;
      const text = `the answer to ${type} breaks its contract: ${violated.message}`;
      throw new WaybillError('WB_REQUEST_FAILED', text, { cause: violated });
    },
    breakers: () => new Map(),
    close: () => Promise.resolve(),
  };
}
