// Made by `really dev` and `really models types`. Do not edit: change the models.
export const modelsHash = 'a1e9546910a3bc83';
