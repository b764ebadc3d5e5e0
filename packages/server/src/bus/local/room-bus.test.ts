import { roomBusContract } from '../room-bus.contract.js';
import { localRoomBus } from './room-bus.js';

roomBusContract('local', () => localRoomBus());
