package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	pollInterval    = 50 * time.Millisecond
	meetingDeadline = 30 * time.Second
)

// Where the three programs of a test find each other: keys in Redis.
type meeting struct {
	client *redis.Client
	prefix string
}

// Redis may start after us.
func openMeeting(ctx context.Context, s settings) (*meeting, error) {
	m := &meeting{redis.NewClient(&redis.Options{Addr: s.redis}), s.key + "_"}
	return m, m.poll(ctx, "Redis", func() error { return m.client.Ping(ctx).Err() })
}

func (m *meeting) close() { m.client.Close() }

func (m *meeting) publish(ctx context.Context, name, value string) error {
	logf("%s%s = %s", m.prefix, name, value)
	return m.client.Set(ctx, m.prefix+name, value, 0).Err()
}

func (m *meeting) waitFor(ctx context.Context, name string) (value string, err error) {
	err = m.poll(ctx, m.prefix+name, func() error {
		value, err = m.client.Get(ctx, m.prefix+name).Result()
		return err
	})
	return value, err
}

func (m *meeting) poll(ctx context.Context, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, meetingDeadline)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, errors.Join(ctx.Err(), err))
		case <-time.After(pollInterval):
		}
	}
}
