// Made by `really dev` and `really models types`. Do not edit: change the models.
export const modelsHash = 'bbf3624f599ce96c';
