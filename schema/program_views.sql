-- SPDX-License-Identifier: MIT
-- The views that say what a process runs. The same rules hold for them as for those of views.sql.

-- What reports group by, beside the name of a program: processes that ended within a minute of
-- their start, or before anybody could read more than their name, have no `lasting_id`, so that
-- those of one program make up one row.
CREATE VIEW programs AS
SELECT
  id AS process_id,
  pid, name,
  iif(pid IS NULL OR coalesce(
    ended_ns - started_ns < 60000000000,
    coalesce(exe, cmdline, user, cgroup, service, parent_pid) IS NULL
  ), NULL, (
    -- A process may have a row for each of its images.
    SELECT min(n.id)
    FROM process AS n
    WHERE n.pid = p.pid AND n.start = p.start AND n.session_id = p.session_id
  )) AS lasting_id
FROM process AS p;

-- The script that an interpreter runs, by its command line: the first argument that is no option,
-- without its folders; the module of `python -m`, the class of Java. NULL where code is given in
-- its place, and where the process is named after it. An argument ends at a blank, unless Windows
-- has put it in quotes. Of svchost.exe, which runs most services of Windows, the services.
CREATE VIEW scripts AS
SELECT
  p.id AS process_id,
  -- Few command lines are worth a closer look. The recorder stores at most 4096 bytes of one.
  coalesce(iif(p.service IS NOT NULL AND lower(p.name) = 'svchost.exe', p.service, NULL), iif(
    substr(p.cmdline, 1, 4096) GLOB '*[Pp][YyEeHh]*'
      OR substr(p.cmdline, 1, 4096) GLOB '*[Rr][Uu][Bb][Yy]*'
      OR substr(p.cmdline, 1, 4096) GLOB '*[Nn][Oo][Dd][Ee]*'
      OR substr(p.cmdline, 1, 4096) GLOB '*[Jj][Aa][Vv][Aa]*'
      OR substr(p.cmdline, 1, 4096) GLOB '*[Ss][Hh][ ".]*', (
    WITH RECURSIVE
    rests (n, rest) AS (
      SELECT 0, ltrim(substr(p.cmdline, 1, 4096))
      UNION ALL
      SELECT
        n + 1,
        ltrim(substr(rest, iif(
          rest GLOB '"*', 2 + instr(substr(rest, 2) || '"', '"'), instr(rest || ' ', ' ')
        )))
      FROM rests
      WHERE n < 64 AND rest <> ''
    ),
    words (n, word) AS (
      SELECT
        n,
        iif(
          rest GLOB '"*',
          substr(rest, 2, instr(substr(rest, 2) || '"', '"') - 1),
          substr(rest, 1, instr(rest || ' ', ' ') - 1)
        )
      FROM rests
      WHERE rest <> ''
    ),
    -- A file's name has at most 255 bytes. rtrim() takes time by the square of the length.
    named (n, word, name) AS (
      SELECT
        n, word,
        substr(tail, 1 + length(rtrim(tail, replace(replace(tail, '/', ''), '\', ''))))
      FROM (SELECT n, word, substr(word, -256) AS tail FROM words)
    ),
    interpreter (family) AS (
      SELECT CASE
        WHEN program IN ('python', 'pypy') OR program GLOB 'python[0-9]*' OR program GLOB 'pypy[0-9]*'
          THEN 'python'
        WHEN program = 'perl' OR program GLOB 'perl[0-9]*' THEN 'perl'
        WHEN program = 'ruby' OR program GLOB 'ruby[0-9]*' THEN 'ruby'
        WHEN program IN ('node', 'nodejs') THEN 'node'
        WHEN program = 'php' OR program GLOB 'php[0-9]*' THEN 'php'
        WHEN program = 'java' THEN 'java'
        WHEN program IN ('sh', 'ash', 'bash', 'dash', 'ksh', 'zsh') THEN 'sh'
      END
      FROM (
        -- `-bash` is a login shell.
        SELECT replace(lower(ltrim(name, '-')), '.exe', '') AS program FROM named WHERE n = 0
      )
    ),
    -- `next`: what an option says of the argument behind it. `code`: there is no script. `joined`:
    -- the script is the rest of the option.
    arguments (n, word, name, next) AS (
      SELECT
        n, word, name,
        CASE
          WHEN word NOT GLOB '[-+]?*' THEN NULL
          WHEN word = '--' THEN 'script'
          ELSE CASE family
            WHEN 'python' THEN CASE
              WHEN flags IN ('W', 'X') THEN 'value'
              WHEN flags = 'm' THEN 'script'
              WHEN flags GLOB 'm*' THEN 'joined'
              WHEN flags GLOB 'c*' THEN 'code'
            END
            WHEN 'perl' THEN CASE
              WHEN word = '-I' THEN 'value'
              WHEN flags GLOB '[eE]*' THEN 'code'
            END
            WHEN 'ruby' THEN CASE
              WHEN word GLOB '-[IrCE]' THEN 'value'
              WHEN flags GLOB 'e*' THEN 'code'
            END
            WHEN 'node' THEN CASE
              WHEN word IN ('-r', '-C', '--require', '--import', '--loader') THEN 'value'
              WHEN word IN ('-e', '-p', '-pe', '--eval', '--print') OR word GLOB '--eval=*'
                OR word GLOB '--print=*' THEN 'code'
            END
            WHEN 'php' THEN CASE
              WHEN word GLOB '-[cdzt]' THEN 'value'
              WHEN word = '-f' THEN 'script'
              WHEN word GLOB '-[arRBES]*' THEN 'code'
            END
            WHEN 'java' THEN CASE
              WHEN word IN (
                '-cp', '-classpath', '--class-path', '-p', '--module-path', '--add-modules',
                '--add-opens', '--add-exports', '--add-reads'
              ) THEN 'value'
              WHEN word IN ('-jar', '-m', '--module') THEN 'script'
            END
            WHEN 'sh' THEN CASE
              WHEN word GLOB '-c*' OR word GLOB '-[^-oO]*c*' OR word = '-s' THEN 'code'
              WHEN word GLOB '[-+][oO]' OR word GLOB '-[^-]*o' THEN 'value'
              WHEN word IN ('--rcfile', '--init-file') THEN 'value'
            END
          END
        END
      FROM (
        SELECT
          family, n, word, name,
          -- Short options can stand together; what takes no value is left out.
          ltrim(substr(word, 2), CASE family
            WHEN 'python' THEN 'bBdEhiIOPqRsStuvVx?'
            WHEN 'perl' THEN 'acfhlnpsStTuUvwWX0123456789'
            WHEN 'ruby' THEN 'acdhlnpsSvwy0123456789'
          END) AS flags
        FROM interpreter
        JOIN named ON n > 0
        WHERE family IS NOT NULL
      )
    )
    SELECT iif(
      next IS 'code',
      NULL,
      nullif(nullif(nullif(
        iif(next IS 'joined', substr(word, 1 + instr(word, 'm')), name), ''
      ), '-'), p.name)
    )
    FROM (SELECT *, lag(next) OVER (ORDER BY n) AS before FROM arguments)
    WHERE next IN ('code', 'joined') OR before = 'script' OR (word NOT GLOB '[-+]?*' AND before IS NOT 'value')
    ORDER BY n
    LIMIT 1
  ), NULL)) AS script
FROM process AS p;
