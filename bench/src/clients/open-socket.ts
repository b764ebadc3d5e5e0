import { benchToken, type TargetServer } from '../targets/target.js';
import { RawSocket } from './raw-socket.js';

/** A socket of this user, initialized. */
export async function openSocket(target: TargetServer, uid: string): Promise<RawSocket> {
  const socket = await RawSocket.open(target.socketUrl);
  const accessToken = benchToken(uid);
  await socket.request({ tag: 1, cmd: 'initialize', accessToken } as { tag: number });
  return socket;
}
