export { generateKey, keyFromPem, keyToPem } from './keys.ts'
export { meshIdOf, peerIdOf, rawPublicKey } from './peer-id.ts'
