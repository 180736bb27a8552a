/** Why somebody is not let in. */
export type RefusalReason =
  | 'garbage'
  | 'tampered'
  | 'expired'
  | 'used-up'
  | 'unknown-ticket'
  | 'other-mesh'
  | 'other-peer'
  | 'revoked'
  | 'clock'
  | 'no-credential'
  | 'may-not-issue'

/** A ticket or a credential that does not let its bearer in. The agent's and the sdk's doors turn it into AdmissionError. */
export class Refusal extends Error {
  readonly reason: RefusalReason
  readonly code = 'SHOAL_ADMISSION'
  constructor(reason: RefusalReason, message: string) {
    super(message)
    this.name = 'Refusal'
    this.reason = reason
  }
}
