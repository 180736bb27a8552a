export { base58Decode, base58Encode } from './base58.ts'
export { generateKey, keyFromPem, keyToPem, libp2pPrivateKey, publicKeyOf } from './keys.ts'
export { meshIdOf, meshIdOfRaw, peerIdOf, rawKeyOfPeerId, rawPublicKey } from './peer-id.ts'
