// The OTLP receiver of the OpenTelemetry collector, with a memory behind it that tests can ask: GET /spans and /logs on the second
// address answer with what was received, as OTLP JSON, one batch a line.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configgrpc"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
)

type memory struct {
	sync.Mutex
	lines []byte
}

func (m *memory) add(line []byte, err error) error {
	m.Lock()
	defer m.Unlock()
	m.lines = append(append(m.lines, line...), '\n')
	return err
}

func (m *memory) ServeHTTP(answer http.ResponseWriter, _ *http.Request) {
	m.Lock()
	defer m.Unlock()
	answer.Write(m.lines)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	ctx := context.Background()
	spans, logs := &memory{}, &memory{}
	factory := otlpreceiver.NewFactory()
	config := factory.CreateDefaultConfig().(*otlpreceiver.Config)
	config.Protocols.GRPC = configoptional.None[configgrpc.ServerConfig]()
	config.Protocols.HTTP.GetOrInsertDefault().ServerConfig.Endpoint = os.Args[1]
	settings := receivertest.NewNopSettings(factory.Type())
	traceSink, err := consumer.NewTraces(func(_ context.Context, traces ptrace.Traces) error {
		return spans.add((&ptrace.JSONMarshaler{}).MarshalTraces(traces))
	})
	check(err)
	logSink, err := consumer.NewLogs(func(_ context.Context, records plog.Logs) error {
		return logs.add((&plog.JSONMarshaler{}).MarshalLogs(records))
	})
	check(err)
	traceReceiver, err := factory.CreateTraces(ctx, settings, config, traceSink)
	check(err)
	logReceiver, err := factory.CreateLogs(ctx, settings, config, logSink)
	check(err)
	host := componenttest.NewNopHost()
	check(traceReceiver.Start(ctx, host))
	check(logReceiver.Start(ctx, host))
	http.Handle("/spans", spans)
	http.Handle("/logs", logs)
	go func() { check(http.ListenAndServe(os.Args[2], nil)) }()
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	<-ended
}
