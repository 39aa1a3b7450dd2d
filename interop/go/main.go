// A go-libp2p peer for the hole-punch matrix: relay, listener or dialer, as the environment says. See docs/interop.md.
package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// How long a dialer tries before the cell counts as failed.
const dialerDeadline = 30 * time.Second

func main() {
	settings, err := readSettings()
	if err == nil {
		err = run(settings)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(settings settings) error {
	ctx := context.Background()
	meeting, err := openMeeting(ctx, settings)
	if err != nil {
		return err
	}
	defer meeting.close()
	switch settings.role {
	case "relay":
		return runRelay(ctx, settings, meeting)
	case "listener":
		return runListener(ctx, settings, meeting)
	default:
		ctx, cancel := context.WithTimeout(ctx, dialerDeadline)
		defer cancel()
		return runDialer(ctx, settings, meeting)
	}
}

func logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format("15:04:05.000")}, args...)...)
}
