export { type Member, type MemberState, Membership, type MembershipEffects } from './membership.ts'
