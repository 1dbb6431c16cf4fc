import type { Service } from 'waybill';
import type { ChargeTreatmentBookV1, ClaimTreatmentSubmitV1, ClinicStayEndedV1 } from './messages.ts';

export type Stay = ClinicStayEndedV1;
export type Charge = ChargeTreatmentBookV1;
export type Claim = ClaimTreatmentSubmitV1;

/** Billing: has fields that it cannot read, keeps them as they are, and hands them on. */
export function attendBilling(billing: Service, ledger: Charge[]): Service {
  return billing.handle(
    'charge.treatment.book@1',
    ({ data }, context) => {
      ledger.push(data);
      const { stayId, line, insurer, code, price, member, diagnosis } = data;
      const chargeId = `${stayId}/${String(line)}`;
      context.publish('charge.treatment.booked@1', {
        chargeId,
        stayId,
        insurer,
        code,
        amount: price,
        member,
        diagnosis,
      });
    },
    { inbox: true },
  );
}

/** The gateway to the insurers. */
export function attendInsurers(insurers: Service, claims: Claim[]): Service {
  return insurers.handle(
    'claim.treatment.submit@1',
    ({ data }) => {
      claims.push(data);
    },
    { inbox: true },
  );
}

/** Statistics: keep whole stays. */
export function attendStatistics(statistics: Service, stays: Stay[]): Service {
  return statistics.handle(
    'clinic.stay.ended@1',
    ({ data }) => {
      stays.push(data);
    },
    { inbox: true },
  );
}
