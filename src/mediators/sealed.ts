import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { WaybillError } from '../errors.ts';
import { encodeJson, parseJson } from '../json.ts';
import { parseTypeRef, type TypeRef } from '../message.ts';
import type { CompiledExpression, Path, RouteMessage, StepScope } from '../ports/mediator.ts';
import type { KeyRing } from '../ports/resources.ts';

/**
 * An encrypted value: `enc:v1:<key id>:<nonce>:<ciphertext and tag>`, the last two in base64url. AES-256-GCM (NIST SP 800-38D) with a
 * random nonce of 96 bits and a tag of 128. What is encrypted is the JSON of the value.
 */
const FORM = /^enc:v1:([a-z0-9][a-z0-9-]{0,62}):([A-Za-z0-9_-]{16}):([A-Za-z0-9_-]{22,})$/;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** The limits of the message hold for what is in it, whole. */
const WHOLE = { maxDepth: 10_000 };

/** As an encrypted value looks: for asking a contract whether one may stand somewhere. */
export const SAMPLE = `enc:v1:k1:${'A'.repeat(16)}:${'A'.repeat(30)}`;

/** What an encrypted value belongs to. It opens only there, so that it cannot be put in another's place. */
export interface Belonging {
  /** Of the message, without the version: casts keep what is encrypted. */
  readonly type: string;
  /** `patient.name`, `lines[2].note` */
  readonly place: string;
  readonly context: string;
}

/** @throws WB_NUMBER_EXACT, which says nothing of the value */
export function seal(value: unknown, ring: KeyRing, belonging: Belonging): string {
  const { id, key } = ring.current;
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(associated(belonging));
  const sealed = Buffer.concat([cipher.update(textOf(value, belonging)), cipher.final(), cipher.getAuthTag()]);
  return `enc:v1:${id}:${nonce.toString('base64url')}:${sealed.toString('base64url')}`;
}

/** @throws WB_KEY_UNKNOWN, WB_DECRYPT_FAILED; neither says anything of the value */
export function unseal(value: unknown, name: string, ring: KeyRing, belonging: Belonging): unknown {
  const { place } = belonging;
  const [, id, nonce, body] = (typeof value === 'string' ? FORM.exec(value) : undefined) ?? [];
  if (id === undefined || nonce === undefined || body === undefined) {
    throw new WaybillError('WB_DECRYPT_FAILED', `${place} is not an encrypted value`);
  }
  const key = ring.find(id);
  if (key === undefined) {
    throw new WaybillError('WB_KEY_UNKNOWN', `${place} is encrypted with the key ${id}, which ${name} does not have`, {
      fix: `Add it under keys: ${name}: keys: in waybill.yaml, and redrive the message.`,
    });
  }
  const sealed = Buffer.from(body, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64url'), { authTagLength: TAG_BYTES });
  decipher.setAAD(associated(belonging)).setAuthTag(sealed.subarray(sealed.byteLength - TAG_BYTES));
  try {
    return parseJson(Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]), WHOLE);
  } catch {
    // Without its cause, which may tell what the text is when it is no JSON.
    throw new WaybillError(
      'WB_DECRYPT_FAILED',
      `${place} cannot be decrypted: it was changed, or belongs to another message, field, type or context`,
    );
  }
}

function textOf(value: unknown, { place }: Belonging): Buffer {
  try {
    return encodeJson(value, WHOLE);
  } catch {
    // Its own words would tell the number.
    throw new WaybillError('WB_NUMBER_EXACT', `${place} holds a number that JSON cannot hold exactly`, {
      fix: 'Carry it as a string in the contract.',
    });
  }
}

function associated({ type, place, context }: Belonging): Buffer {
  return Buffer.from(JSON.stringify(['waybill:enc:v1', type, place, context]));
}

/** What the values of a message belong to beside their place: what `context` gives, else the conversation. */
export type ContextOf = (message: RouteMessage) => string;

export const CONTEXT =
  'CEL whose text the values are bound to, the same where they are encrypted and decrypted. Without it the conversation: what the message was caused by in the first place.';

export function compileContext(source: string | undefined, at: Path, scope: StepScope): ContextOf | undefined {
  if (source === undefined) return ({ envelope }) => envelope.correlationId ?? envelope.id;
  const expression = scope.expression(source, at, 'value');
  return expression && ((message) => contextOf(expression, message));
}

function contextOf(expression: CompiledExpression, message: RouteMessage): string {
  const value = expression.evaluate(message);
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number') return String(value);
  throw new WaybillError('WB_MESSAGE_INVALID', `context: ${expression.source} gives neither text nor a number`);
}

export function typeName(ref: TypeRef): string {
  return parseTypeRef(ref)?.type ?? ref;
}
