// Moving a note by its grip: with a mouse or a finger, or with the arrow keys. Places are told as
// parts of the board, from 0 to 1, so that they mean the same in every window.

/**
 * Calls `move(x, y)` while a note is moved, each time when the one before is done, and `settled` with
 * what the last one resolved with. Until then the element has the class `moving`, for what is heard of
 * its place is older than what it shows.
 */
export function dragNote(element, board, { move, settled }) {
  const grip = element.querySelector('.grip');
  const tell = latestOnly(move, {
    begin: () => element.classList.add('moving'),
    end: (result) => {
      element.classList.remove('moving');
      settled(result);
    },
  });
  grip.addEventListener('pointerdown', (down) => {
    if (down.button !== 0) return;
    down.preventDefault();
    grip.focus();
    grip.setPointerCapture(down.pointerId);
    element.classList.add('dragged');
    const start = element.getBoundingClientRect();
    const follow = (event) => {
      const left = start.left + event.clientX - down.clientX;
      const top = start.top + event.clientY - down.clientY;
      void tell(...place(element, placeAt(element, board, left, top)));
    };
    const drop = () => {
      grip.removeEventListener('pointermove', follow);
      grip.removeEventListener('lostpointercapture', drop);
      element.classList.remove('dragged');
    };
    grip.addEventListener('pointermove', follow);
    grip.addEventListener('lostpointercapture', drop);
  });
  grip.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
      event.key
    ];
    if (step === undefined) return;
    event.preventDefault();
    const now = (name) => Number(element.style.getPropertyValue(name));
    const [x, y] = [now('--x') + step[0] * 0.03, now('--y') + step[1] * 0.03];
    void tell(...place(element, [within(x), within(y)]));
  });
}

/** Shows the note at once where it is going to be. */
function place(element, [x, y]) {
  element.style.setProperty('--x', x);
  element.style.setProperty('--y', y);
  return [x, y];
}

/** The style sheet's `top` and `left`, the other way round. */
function placeAt(element, board, left, top) {
  const area = board.getBoundingClientRect();
  const line = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const x = (left - area.left) / (area.width - element.offsetWidth);
  const y = (top - area.top) / (area.height - 10 * line);
  return [within(x), within(y)];
}

const within = (part) => Math.round(Math.min(1, Math.max(0, part)) * 10_000) / 10_000;

/** Runs `task` with the newest arguments, one at a time: what came in between is left out. */
function latestOnly(task, { begin, end }) {
  let next;
  let running = false;
  return async (...args) => {
    next = args;
    if (running) return;
    running = true;
    begin();
    let result;
    while (next !== undefined) {
      const now = next;
      next = undefined;
      result = await task(...now);
    }
    running = false;
    end(result);
  };
}
