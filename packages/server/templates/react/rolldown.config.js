// Makes public/app.js of src/: `npm run build`.
export default {
  input: 'src/main.tsx',
  platform: 'browser',
  // `use client` in libraries is for other bundlers.
  logLevel: 'silent',
  transform: { define: { 'process.env.NODE_ENV': '"production"' } },
  output: { file: 'public/app.js', format: 'es', minify: true, codeSplitting: false },
};
