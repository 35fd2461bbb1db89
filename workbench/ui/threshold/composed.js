// The composed figure, once it can be drawn: its data come after the widget itself, and plotly's script takes a busy
// page longer than the ten seconds that a host waits for it.
async function figureOf(reference, host, signal) {
  const figure = await host.getModel(reference);
  while (!figure.get("_widget_data")?.length) {
    if (signal?.aborted) return null;
    await new Promise((done) => setTimeout(done, 20));
  }
  for (let patience = 6; ; patience--) {
    try {
      return await host.getWidget(reference);
    } catch (error) {
      if (!patience || signal?.aborted) throw error;
    }
  }
}
