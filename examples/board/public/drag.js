// Moving a note by its grip: with a mouse or a finger, or with the arrow keys. Places are told as
// parts of the board, from 0 to 1, so that they mean the same in every window.

const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * Calls `move(x, y)` while a note is moved, and `drop(x, y)` when it is let go: the mouse button, or the key. In
 * between the element has the class `dragged`.
 */
export function dragNote(element, board, { move, drop }) {
  const grip = element.querySelector('.grip');
  let place;
  const follow = (x, y) => {
    place = [within(x), within(y)];
    element.classList.add('dragged');
    element.style.setProperty('--x', place[0]);
    element.style.setProperty('--y', place[1]);
    move(...place);
  };
  const letGo = () => {
    if (place === undefined) return;
    const last = place;
    place = undefined;
    element.classList.remove('dragged');
    drop(...last);
  };
  grip.addEventListener('pointerdown', (down) => {
    if (down.button !== 0) return;
    down.preventDefault();
    grip.focus();
    grip.setPointerCapture(down.pointerId);
    const start = element.getBoundingClientRect();
    grip.onpointermove = (event) => {
      const left = start.left + event.clientX - down.clientX;
      const top = start.top + event.clientY - down.clientY;
      follow(...placeAt(element, board, left, top));
    };
  });
  grip.addEventListener('lostpointercapture', () => {
    grip.onpointermove = null;
    letGo();
  });
  grip.addEventListener('keydown', (event) => {
    const step = steps[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const now = (name) => Number(element.style.getPropertyValue(name));
    follow(now('--x') + step[0] * 0.03, now('--y') + step[1] * 0.03);
  });
  grip.addEventListener('keyup', letGo);
  grip.addEventListener('blur', letGo);
}

/** The style sheet's `top` and `left`, the other way round. */
function placeAt(element, board, left, top) {
  const area = board.getBoundingClientRect();
  const line = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const x = (left - area.left) / (area.width - element.offsetWidth);
  const y = (top - area.top) / (area.height - 10 * line);
  return [x, y];
}

const within = (part) => Math.round(Math.min(1, Math.max(0, part)) * 10_000) / 10_000;
