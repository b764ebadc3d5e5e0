# An image of the program. An app's folder is mounted at /app (or copied there by an image of its own,
# `FROM` this one), its data at /data:
#
#   docker build -t really .
#   docker run -p 9000:9000 -e REALLY_SECRET=… -v ./my-app:/app:ro -v really-data:/data really
FROM node:22-bookworm AS build
WORKDIR /really
COPY . .
RUN npm ci && npm run build \
  && npm prune --omit=dev --workspace packages/server --workspace packages/protocol --include-workspace-root

FROM node:22-bookworm-slim
ENV NODE_ENV=production REALLY_DATA=/data REALLY_PORT=9000
COPY --from=build /really/package.json /really/package.json
COPY --from=build /really/node_modules /really/node_modules
COPY --from=build /really/packages /really/packages
RUN ln -s /really/packages/server/bin/really.js /usr/local/bin/really \
  && mkdir /app /data && chown node:node /data
USER node
WORKDIR /app
VOLUME /data
EXPOSE 9000
# It may take 10 s to stop cleanly.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.REALLY_PORT}/health`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["really"]
CMD ["start"]
