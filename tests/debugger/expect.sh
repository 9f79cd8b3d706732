# For scripts that look at what a session printed: `failed` and `expect`.
failed=0

expect() { # file, lines (extended regular expressions) that have to come in this order
    local file=$1 from=1 at
    shift
    for line; do
        at=$(tail -n +"$from" "$file" | grep -nE -m1 -e "$line" | cut -d: -f1)
        if [ -z "$at" ]; then
            echo "FAIL: after line $from of $(basename "$file") there is no: $line"
            sed 's/^/    /' "$file"
            failed=1
            return
        fi
        from=$((from + at))
    done
    echo "ok: $(basename "$file"), $# lines"
}
