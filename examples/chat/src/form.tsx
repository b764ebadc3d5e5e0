import type { FormEvent } from 'react';

interface FormProps {
  label: string;
  action: string;
  maxLength: number;
  onText: (text: string) => void;
}

/** One line of text. */
export function Form({ label, action, maxLength, onText }: FormProps) {
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget).get('text')).trim();
    event.currentTarget.reset();
    if (text) onText(text);
  };
  return (
    <form onSubmit={submit}>
      <input
        name="text"
        aria-label={label}
        placeholder={label}
        maxLength={maxLength}
        required
        autoComplete="off"
      />
      <button type="submit">{action}</button>
    </form>
  );
}
