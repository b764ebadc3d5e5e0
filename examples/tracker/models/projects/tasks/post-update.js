if (before.state !== 'done' && after.state === 'done') {
  emit('task.done', { task: obj._r, title: obj.title, project: parent?.name, by: auth.uid });
}
