import type { Contract } from '../contracts/contracts.ts';
import { ERROR_CODES, type ErrorCode, WaybillError } from '../errors.ts';
import { parseJson } from '../json.ts';
import { type EncodedMessage, type Message, type TypeRef, typeRef } from '../message.ts';
import type { Plan } from '../plan/plan.ts';
import { NO_ANSWER } from './no-answer.ts';

/**
 * The type of the answer to a request.
 * @throws WB_CONTRACT_UNKNOWN, WB_REQUEST_TYPE when the contract names no answer
 */
export function answerType(contract: Contract): TypeRef {
  if (contract.reply !== undefined) return contract.reply;
  throw new WaybillError('WB_REQUEST_TYPE', `${contract.ref} is not a request: its contract names no answer`, {
    fix: `Add "x-reply": "<type>@<version>" to ${contract.file}, or publish and handle it.`,
  });
}

/** The type of the answer, when somebody may give one. @throws WB_CONTRACT_UNKNOWN, WB_REQUEST_TYPE, WB_REQUEST_UNROUTED */
export function checkRequest({ contracts, topology }: Plan, type: TypeRef): TypeRef {
  const answer = answerType(contracts.require(type));
  if (topology.bindings.some((binding) => binding.type === type)) return answer;
  throw new WaybillError('WB_REQUEST_UNROUTED', `no route takes ${type}, so nobody would answer it`, {
    fix: `Add a route: from: ${type}, to: the service that responds to it.`,
  });
}

/**
 * The answer that came, in the version that the requester knows.
 * @throws WB_REQUEST_FAILED when it says that there is none, or is not what the contract promises
 */
export function readAnswer(plan: Plan, request: EncodedMessage, answer: EncodedMessage, wanted: TypeRef): Message {
  const { envelope, body } = answer;
  const ref = typeRef(envelope.type, envelope.version);
  const asked = `${typeRef(request.envelope.type, request.envelope.version)} (${request.envelope.id})`;
  const parsed = parseJson(body, { maxDepth: plan.definition.limits.depth });
  if (ref === NO_ANSWER) throw givenUp(asked, envelope.source, parsed);
  const cast = ref === wanted ? undefined : plan.contracts.cast(ref, wanted);
  if (ref !== wanted && cast === undefined) {
    throw new WaybillError(
      'WB_REQUEST_FAILED',
      `${asked} was answered with ${ref} by ${envelope.source}; expected ${wanted}`,
      {
        fix: 'Let a route send the request only to a responder whose contract names that answer, or add a cast.',
      },
    );
  }
  const violation = plan.contracts.require(ref).validate(parsed);
  if (violation !== undefined) {
    throw new WaybillError('WB_REQUEST_FAILED', `the answer to ${asked} breaks its contract: ${violation.message}`, {
      cause: violation,
    });
  }
  const { type, version } = plan.contracts.require(wanted);
  return Object.freeze({ ...envelope, type, version, data: cast === undefined ? parsed : cast(parsed) });
}

function givenUp(asked: string, by: string, told: unknown): WaybillError {
  const { code, error }: { code?: unknown; error?: unknown } = typeof told === 'object' && told !== null ? told : {};
  const text = typeof error === 'string' ? error : 'no reason was given';
  const cause = isCode(code) ? new WaybillError(code, text) : new Error(text);
  const named = isCode(code) ? `${code}: ${text}` : text;
  return new WaybillError('WB_REQUEST_FAILED', `${asked} was given up by ${by}: ${named}`, { cause });
}

function isCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code);
}
