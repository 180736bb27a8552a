export {
  type Credential,
  chainFromHeader,
  chainToHeader,
  checkCredential,
  credentialFromHeader,
  credentialToHeader,
  foundIssuer,
  type Issuer,
  issueCredential,
  type Membership,
  passIssuing,
  type Role,
  type Signed,
} from './credentials.ts'
export { Refusal, type RefusalReason } from './refusal.ts'
export {
  looksLikeTicket,
  readTicket,
  type Ticket,
  TicketBook,
  type TicketFile,
  type TicketRow,
  writeTicket,
} from './tickets.ts'
