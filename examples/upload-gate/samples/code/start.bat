@echo off
setlocal enabledelayedexpansion
rem Starts the collector
set PORT=COM3
if not "%1"=="" set PORT=%1
if not exist "C:\harbour\collect.exe" (
    echo collect.exe is missing
    exit /b 1
)
for %%f in (C:\harbour\*.log) do (
    del "%%f"
)
start "" "C:\harbour\collect.exe" --port %PORT%
endlocal
