// A client of QMP written with somebody else's library (Debian: golang-github-digitalocean-go-qemu-dev): what it is told on a
// socket, one line each. tests/cli/qmp.py builds and runs it.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/digitalocean/go-qemu/qemu"
	"github.com/digitalocean/go-qemu/qmp"
)

func must(what string, err error) {
	if err != nil {
		fmt.Printf("%s: error: %v\n", what, err)
		os.Exit(1)
	}
}

func main() {
	monitor, err := qmp.NewSocketMonitor("unix", os.Args[1], 10*time.Second)
	must("dial", err)
	must("connect", monitor.Connect())
	domain, err := qemu.NewDomain(monitor, "guest")
	must("domain", err)
	defer domain.Close()

	version, err := domain.Version()
	must("version", err)
	pack, err := domain.PackageVersion()
	must("package", err)
	fmt.Printf("version %s %s\n", version, pack)
	status, err := domain.Status()
	must("status", err)
	fmt.Printf("status %s\n", status)
	commands, err := domain.Commands()
	must("commands", err)
	fmt.Printf("commands %t\n", len(commands) > 30)
	has, err := domain.Supported("human-monitor-command")
	must("supported", err)
	fmt.Printf("supported %t\n", has)
	cpus, err := domain.CPUs()
	must("cpus", err)
	fmt.Printf("cpus %d halted %t pc %#x\n", len(cpus), cpus[0].Halted, cpus[0].PC)
	disks, err := domain.BlockDevices()
	must("block", err)
	for _, d := range disks {
		fmt.Printf("block %s %s %s removable %t\n", d.Device, d.Inserted.File, d.Inserted.Driver, d.Removable)
	}
	jobs, err := domain.BlockJobs()
	must("jobs", err)
	fmt.Printf("jobs %d\n", len(jobs))
	functions, err := domain.PCIDevices()
	must("pci", err)
	for _, f := range functions {
		fmt.Printf("pci %02x.%d %04x:%04x regions %d\n", f.Slot, f.Function, f.ID.Vendor, f.ID.Device, len(f.Regions))
	}

	events, _, err := domain.Events()
	must("events", err)
	all := make(chan bool)
	go func() { // they have to be taken, or no answer comes through
		seen := map[string]bool{}
		for e := range events {
			seen[e.Event] = true
			if seen["RESUME"] && seen["RESET"] && seen["STOP"] {
				all <- true
				seen = map[string]bool{}
			}
		}
	}()
	_, err = domain.Run(qmp.Command{Execute: "cont"})
	must("cont", err)
	picture, err := domain.ScreenDump()
	for try := 0; err != nil && try < 100; try++ { // the firmware has to turn the screen on
		time.Sleep(100 * time.Millisecond)
		picture, err = domain.ScreenDump()
	}
	must("screendump", err)
	var magic [2]byte
	_, err = picture.Read(magic[:])
	must("read", err)
	fmt.Printf("screendump %s\n", magic[:])
	picture.Close()
	must("reset", domain.SystemReset())
	_, err = domain.Run(qmp.Command{Execute: "stop"})
	must("stop", err)
	select {
	case <-all:
		fmt.Println("events RESUME RESET STOP")
	case <-time.After(20 * time.Second):
		fmt.Println("events: not all came")
		os.Exit(1)
	}
	_, err = domain.Run(qmp.Command{Execute: "no-such-command"})
	fmt.Printf("unknown: %v\n", err)
	_, err = domain.Run(qmp.Command{Execute: "quit"})
	must("quit", err)
}
