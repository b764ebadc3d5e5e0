// Both in one commit, so what somebody wrote is never unread for themselves.
const one = (key) => [{ op: 'addNumber', key, value: 1 }];
update(parent?._r, one('total'));
update(`${parent?._r}/members/${obj.author}`, one('seen'));
