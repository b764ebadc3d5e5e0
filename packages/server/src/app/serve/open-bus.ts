import type { Bus } from '../../bus/bus.js';
import { localBus } from '../../bus/local/bus.js';

/** Opens the configured bus: in this version the local one. */
export function openBus(): Bus {
  return localBus();
}
