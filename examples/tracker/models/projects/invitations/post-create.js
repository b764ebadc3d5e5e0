emit('invitation.created', { email: obj.email, project: obj.project, invitation: obj._r });
