// The client of gorilla/websocket: does one work, and prints its figures, as harness/client.mjs does.
package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

type work struct {
	Kind    string
	Size    int
	Binary  bool
	WarmUp  int
	Frames  int
	PerTick int
	Flight  int
	Clients int
}

type order struct {
	Url  string
	Work work
}

const period = 64
const filler = "the quick brown fox jumps over the lazy dog "

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func cpu() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e3
}

func dial(url string) *websocket.Conn {
	conn, _, err := websocket.DefaultDialer.Dial(url, nil)
	check(err)
	return conn
}

func text(size, index int) []byte {
	index %= period
	head := string(rune('0'+index)) + "0"
	all := head + strings.Repeat(filler, size/len(filler)+1)
	return []byte(all[:size])
}

func hash(sum int32, code byte) int32 { return sum*31 + int32(code) }

func receive(url string, w work) map[string]float64 {
	total := w.WarmUp + w.Frames
	conn := dial(fmt.Sprintf("%s/receive?size=%d&binary=%t&frames=%d", url, w.Size, w.Binary, total))
	check(conn.WriteMessage(websocket.TextMessage, []byte("go")))
	var from, used float64
	var sum, expected int32
	count, bytes := 0, 0
	for {
		_, data, err := conn.ReadMessage()
		check(err)
		if data[0] == '!' {
			break
		}
		count++
		bytes += len(data)
		sum = hash(sum, data[0])
		if count == w.WarmUp {
			from = cpu()
		} else if count == total {
			used = cpu() - from
		}
	}
	for index := 0; index < total; index++ {
		expected = hash(expected, byte('0'+index%period))
	}
	if count != total || sum != expected || bytes != total*w.Size {
		check(fmt.Errorf("Frames were lost: %d of %d came, or others than were sent", count, total))
	}
	return map[string]float64{"cpu": used * 1e3 / float64(w.Frames)}
}

func send(url string, w work) map[string]float64 {
	every := w.PerTick * 100
	if every < 1000 {
		every = 1000
	}
	conn := dial(fmt.Sprintf("%s/send?size=%d", url, w.Size))
	texts := make([][]byte, period)
	for index := range texts {
		texts[index] = text(w.Size, index)
	}
	count := 0
	var sum int32
	run := func(until int) {
		for count < until {
			for index := 0; index < every; index++ {
				sent := texts[count%period]
				check(conn.WriteMessage(websocket.TextMessage, sent))
				count++
				if count%w.PerTick == 0 {
					runtime.Gosched()
				}
				sum = hash(hash(sum, sent[0]), sent[len(sent)-1])
			}
			check(conn.WriteMessage(websocket.TextMessage, []byte("!")))
			var told struct {
				Count   int
				Sum     int32
				IsWhole bool
			}
			check(conn.ReadJSON(&told))
			if told.Count != count || told.Sum != sum || !told.IsWhole {
				check(fmt.Errorf("Frames were lost: %d of %d arrived, or others than were sent", told.Count, count))
			}
		}
	}
	run(w.WarmUp)
	from, before := cpu(), count
	run(before + w.Frames)
	return map[string]float64{"cpu": (cpu() - from) * 1e3 / float64(w.Frames)}
}

func echo(url string, w work) map[string]float64 {
	conn := dial(fmt.Sprintf("%s/echo?size=%d&flight=%d&warmUp=%d&frames=%d", url, w.Size, w.Flight, w.WarmUp, w.Frames))
	check(conn.WriteMessage(websocket.TextMessage, []byte("go")))
	var from, used float64
	for count := 0; ; {
		kind, data, err := conn.ReadMessage()
		check(err)
		if data[0] == '!' {
			figures := map[string]float64{}
			check(json.Unmarshal(data[1:], &figures))
			figures["cpu"] = used * 1e3 / float64(w.Frames)
			return figures
		}
		count++
		if count == w.WarmUp {
			from = cpu()
		} else if count == w.WarmUp+w.Frames {
			used = cpu() - from
		}
		check(conn.WriteMessage(kind, data))
	}
}

func rss() float64 {
	time.Sleep(200 * time.Millisecond)
	runtime.GC()
	debug.FreeOSMemory()
	data, err := os.ReadFile("/proc/self/statm")
	check(err)
	var size, resident float64
	_, err = fmt.Sscan(string(data), &size, &resident)
	check(err)
	return resident * float64(os.Getpagesize())
}

func idle(url string, w work) map[string]float64 {
	var conns []*websocket.Conn
	open := func(count int) {
		places := make(chan bool, 256)
		opened := make(chan *websocket.Conn, count)
		for index := 0; index < count; index++ {
			places <- true
			go func() {
				conn := dial(url + "/idle")
				opened <- conn
				<-places
				for {
					if _, _, err := conn.ReadMessage(); err != nil {
						return
					}
				}
			}()
		}
		for index := 0; index < count; index++ {
			conns = append(conns, <-opened)
		}
	}
	open(100)
	before := rss()
	from := cpu()
	open(w.Clients)
	used := cpu() - from
	after := rss()
	runtime.KeepAlive(conns)
	count := float64(w.Clients)
	return map[string]float64{"cpu": used / count, "rss": math.Max(0, after-before) / count}
}

func main() {
	var what order
	check(json.Unmarshal([]byte(os.Args[1]), &what))
	works := map[string]func(string, work) map[string]float64{
		"receive": receive, "send": send, "echo": echo, "idle": idle,
	}
	check(json.NewEncoder(os.Stdout).Encode(works[what.Work.Kind](what.Url, what.Work)))
}
