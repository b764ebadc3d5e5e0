if (obj.author !== `/authors/${auth.uid}`) hide('remark');
