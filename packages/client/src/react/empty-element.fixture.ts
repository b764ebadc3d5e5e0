/** As much of an element as React needs where nothing is drawn in it. */
export function emptyElement(): Element {
  const node = {
    nodeType: 1,
    nodeName: 'DIV',
    tagName: 'DIV',
    addEventListener: () => {},
    textContent: '',
  };
  const ownerDocument = { ...node, nodeType: 9, nodeName: '#document', activeElement: null };
  return { ...node, ownerDocument } as unknown as Element;
}
