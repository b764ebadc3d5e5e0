/** Between the bench and the processes that make its load. */
export type ToClients =
  | {
      readonly kind: 'subscribe';
      readonly url: string;
      readonly token: string;
      readonly sockets: number;
      readonly r: string;
    }
  /** Say when this many pushes have come, counted from here. */
  | { readonly kind: 'expect'; readonly pushes: number }
  | { readonly kind: 'end' };

export type FromClients =
  | { readonly kind: 'subscribed' }
  | { readonly kind: 'expecting' }
  /** This many pushes have come since `expect`. Told every now and then. */
  | { readonly kind: 'progress'; readonly pushes: number }
  | { readonly kind: 'arrived' };
