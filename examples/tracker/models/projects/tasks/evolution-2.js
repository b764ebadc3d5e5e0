const { done, ...rest } = obj;
return { ...rest, state: done ? "done" : "open" };
