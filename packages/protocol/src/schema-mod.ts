// Entry point for other schemas than those of the messages: the builder, from the bundle that is loaded anyway.
export { type Static, type TProperties, type TSchema, Type } from './typebox.js';
