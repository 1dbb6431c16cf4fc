// Made by `waybill types` from the contracts. Do not edit: change the contract and run it again.

import type {} from 'waybill';

/**
 * A treatment is to be charged.
 * `charge.treatment.book@1`
 */
export interface ChargeTreatmentBookV1 {
  stayId: string;
  /** Which treatment of the stay */
  line: number;
  /** How many the stay has */
  of: number;
  insurer: string;
  code: string;
  /** EUR */
  price: number;
  /** Number of the patient at the insurer, closed */
  member: string;
  /** Closed */
  diagnosis: string;
}

/**
 * A treatment was charged, and the insurer can be asked for the money.
 * `charge.treatment.booked@1`
 */
export interface ChargeTreatmentBookedV1 {
  chargeId: string;
  stayId: string;
  insurer: string;
  code: string;
  /** EUR */
  amount: number;
  /** As it came with the treatment, closed */
  member: string;
  /** As it came with the treatment, closed */
  diagnosis: string;
}

/**
 * An insurer is to pay for a treatment.
 * `claim.treatment.submit@1`
 */
export interface ClaimTreatmentSubmitV1 {
  chargeId: string;
  stayId: string;
  insurer: string;
  member: string;
  code: string;
  diagnosis: string;
  /** EUR */
  amount: number;
}

/**
 * A patient went home.
 * `clinic.stay.ended@1`
 */
export interface ClinicStayEndedV1 {
  stayId: string;
  ward: string;
  days: number;
  patient: {
    insurer: string;
    /** Number of the patient at the insurer */
    member?: string;
    name?: string;
    /** @format date */
    born?: string;
  };
  treatments: {
    code: string;
    /** EUR */
    price: number;
    diagnosis?: string;
  }[];
}

declare module 'waybill' {
  interface MessageTypes {
    'charge.treatment.book@1': ChargeTreatmentBookV1;
    'charge.treatment.booked@1': ChargeTreatmentBookedV1;
    'claim.treatment.submit@1': ClaimTreatmentSubmitV1;
    'clinic.stay.ended@1': ClinicStayEndedV1;
  }
}
